// The volumes of an app's or a pod's definition. Pure.

import { bytes, MIB } from "./size";

interface Volume {
  name?: string;
  containerPath?: string;
  host?: string;
  hostPath?: string;
  persistent?: { size: number };
}

/** `data: persistent, 10 MiB`, `conf: /etc/web` */
export function volumesOf(definition: Record<string, unknown>): string[] {
  const container = definition.container as { volumes?: Volume[] } | undefined;
  const volumes = (definition.volumes as Volume[] | undefined) ?? container?.volumes ?? [];
  return volumes.map((volume) => {
    const name = volume.name ?? volume.containerPath ?? "";
    if (volume.persistent) return `${name}: persistent, ${bytes(volume.persistent.size * MIB)}`;
    const host = volume.host ?? volume.hostPath;
    return host ? `${name}: ${host}` : name;
  });
}
