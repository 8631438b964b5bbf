import type { FormField } from "../../ui/document";

/** What the form shows of an app; all else is in its JSON. */
export const APP_FIELDS: FormField[] = [
  { path: "/instances", label: "Instances", number: true },
  { path: "/cpus", label: "CPUs", number: true, hint: "of each instance" },
  { path: "/mem", label: "Memory", number: true, hint: "MiB of each instance" },
  { path: "/disk", label: "Disk", number: true, hint: "MiB of each instance" },
  { path: "/cmd", label: "Command", wide: true, hint: "run by a shell; $PORT0 is its first port" },
  { path: "/container/docker/image", label: "Container image", hint: "empty: a plain process" },
  { path: "/user", label: "User" },
  { path: "/portDefinitions/0/port", label: "Service port", number: true, hint: "of its first port; 0: one that is free; more are in the JSON" },
  { path: "/container/portMappings/0/containerPort", label: "Port in the container", number: true, hint: "of an image with a network of its own" },
  { path: "/env", label: "Environment", pairs: true, hint: "NAME=VALUE, a line each" },
  { path: "/healthChecks/0/protocol", label: "Health check", hint: "HTTP, TCP or COMMAND, of which the command is in the JSON" },
  { path: "/healthChecks/0/path", label: "Its path", hint: "as /health" },
  { path: "/healthChecks/0/intervalSeconds", label: "Checked every", number: true, hint: "seconds" },
  { path: "/healthChecks/0/gracePeriodSeconds", label: "May fail at first for", number: true, hint: "seconds" },
  { path: "/healthChecks/0/maxConsecutiveFailures", label: "Killed after", number: true, hint: "failures in a row; 0: never" },
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
