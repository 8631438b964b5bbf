// Service ports: where clients come in, and to which instances they are led.

import { useServices } from "../../api/queries";
import type { Service } from "../../api/types";
import { pageOf } from "../../app/path";
import { plural } from "../../lib/size";
import type { Kind } from "../../lib/states";
import { Answered, Empty, Panel } from "../../ui/page";
import { Dots, Shape } from "../../ui/state";
import { type Column, Table } from "../../ui/table";

const healthyOf = ({ backends }: Service) => backends.filter(({ healthy }) => healthy).length;

/** How a service port fares: not open is for someone to mend, no instance may be meant so. */
function fares(service: Service): [Kind, string] {
  if (!service.bound) return ["bad", "not open"];
  return healthyOf(service) === 0 ? ["warn", "no instance"] : ["good", "open"];
}

function Fares({ service }: { service: Service }) {
  const [kind, word] = fares(service);
  return (
    <span class={`state kind-${kind}`}>
      <Shape kind={kind} />
      {word}
    </span>
  );
}

function Backends({ service }: { service: Service }) {
  if (!service.bound) return <span title={service.reason}>{service.reason}</span>;
  const said = `${healthyOf(service)} of ${plural(service.backends.length, "instance")} healthy`;
  return <Dots kinds={service.backends.map(({ healthy }) => (healthy ? "good" : "warn"))} label={said} />;
}

const COLUMNS: Column<Service>[] = [
  { title: "Port", width: 6, cell: ({ port }) => port },
  { title: "App", width: 16, from: "small", cell: ({ app }) => <a href={pageOf("app", app)}>{app}</a> },
  { title: "State", width: 9, cell: (service) => <Fares service={service} /> },
  { title: "Leads to", from: "medium", cell: (service) => <Backends service={service} /> },
  {
    title: "Healthy",
    width: 7,
    end: true,
    from: "small",
    cell: (service) => `${healthyOf(service)} of ${service.backends.length}`,
  },
];

/** All of them, or those of one app with each instance. */
export function Services({ app, q }: { app?: string; q?: string }) {
  const answer = useServices();
  const wanted = (service: Service) =>
    (app === undefined || service.app === app) && (!q || `${service.port} ${service.app}`.includes(q));
  return (
    <Answered answer={answer}>
      {({ items }) => {
        const shown = items.filter(wanted);
        return (
          <>
            <Panel bare>
              <Table<Service>
                label="Service ports"
                columns={COLUMNS}
                count={shown.length}
                row={(i) => shown[i]}
                keyOf={({ port, app: of }) => `${port} ${of}`}
                below={(service) => (
                  <>
                    <a href={pageOf("app", service.app)}>{service.app}</a>
                    {service.reason && ` · ${service.reason}`}
                  </>
                )}
                empty={<Empty>{app ? "The app has no service port." : "No service port matches."}</Empty>}
              />
            </Panel>
            {app !== undefined && shown.map((service) => <Instances key={service.port} service={service} />)}
          </>
        );
      }}
    </Answered>
  );
}

function Instances({ service }: { service: Service }) {
  return (
    <Panel title={`Port ${service.port} leads to`} bare>
      {service.backends.length === 0 && <Empty>No instance listens.</Empty>}
      <ul class="rows">
        {service.backends.map(({ task, address, healthy }) => (
          <li key={task + address}>
            <span class={healthy ? "state kind-good" : "state kind-warn"}>
              <Shape kind={healthy ? "good" : "warn"} />
              {healthy ? "healthy" : "not healthy"}
            </span>
            <span class="grow mono">{address}</span>
            <a href={pageOf("task", task)}>output</a>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
