import type { Definition } from "../../api/types";
import { get } from "../../lib/pointer";
import type { FormField } from "../../ui/document";

/** The place of each element, and of the first one where there is none; `of` says of all but the first which it is. */
const each = (list: unknown) =>
  Array.from({ length: Math.max(1, Array.isArray(list) ? list.length : 0) }, (_, at) => ({
    at,
    of: at === 0 ? "" : ` ${at + 1}`,
  }));

const servicePorts = (app: Definition): FormField[] =>
  each(app.portDefinitions).map(({ at, of }) => ({
    path: `/portDefinitions/${at}/port`,
    label: `Service port${of}`,
    number: true,
    hint: at === 0 ? "0: one that is free; further ports are added in the JSON" : `of its port ${at + 1}; 0: one that is free`,
  }));

const containerPorts = (app: Definition): FormField[] =>
  each(get(app, "/container/portMappings")).map(({ at, of }) => ({
    path: `/container/portMappings/${at}/containerPort`,
    label: `Port in the container${of}`,
    number: true,
    hint: at === 0 ? "of an image with a network of its own" : `of its port ${at + 1}`,
  }));

const healthChecks = (app: Definition): FormField[] =>
  each(app.healthChecks).flatMap(({ at, of }) => [
    { path: `/healthChecks/${at}/protocol`, label: `Health check${of}`, hint: "HTTP, TCP or COMMAND, of which the command is in the JSON" },
    { path: `/healthChecks/${at}/path`, label: `Path of check${of}`, hint: "as /health" },
    { path: `/healthChecks/${at}/intervalSeconds`, label: `Checked every${of}`, number: true, hint: "seconds" },
    { path: `/healthChecks/${at}/gracePeriodSeconds`, label: `May fail at first for${of}`, number: true, hint: "seconds" },
    { path: `/healthChecks/${at}/maxConsecutiveFailures`, label: `Killed after${of}`, number: true, hint: "failures in a row; 0: never" },
  ]);

/** What the form shows of an app, of lists each element; all else is in its JSON. */
export const appFields = (app: Definition): FormField[] => [
  { path: "/instances", label: "Instances", number: true },
  { path: "/cpus", label: "CPUs", number: true, hint: "of each instance" },
  { path: "/mem", label: "Memory", number: true, hint: "MiB of each instance" },
  { path: "/disk", label: "Disk", number: true, hint: "MiB of each instance" },
  { path: "/cmd", label: "Command", wide: true, hint: "run by a shell; $PORT0 is its first port" },
  { path: "/container/docker/image", label: "Container image", hint: "empty: a plain process" },
  { path: "/user", label: "User" },
  ...servicePorts(app),
  ...containerPorts(app),
  { path: "/env", label: "Environment", pairs: "members", hint: "NAME=VALUE, a line each" },
  ...healthChecks(app),
];

/** The same of a pod. */
export const POD_FIELDS: FormField[] = [
  { path: "/scaling/instances", label: "Instances", number: true, hint: "each with all of its containers, which are in the JSON" },
  { path: "/user", label: "User", hint: "of the containers that name no other" },
];

export const NEW_APP = {
  id: "/my/app",
  cmd: "while true; do date; sleep 5; done",
  instances: 1,
  cpus: 0.1,
  mem: 32,
  portDefinitions: [{ port: 0, protocol: "tcp", name: "http" }],
};
