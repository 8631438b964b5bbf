import { useSignal } from "@preact/signals";
import { useStatus } from "../../api/queries";
import type { Status } from "../../api/types";
import { pageOf } from "../../app/path";
import { Age } from "../../ui/age";
import { Copy } from "../../ui/button";
import { Choice } from "../../ui/field";
import { Answered, Facts, Grid, Head, Page, Panel, Stack } from "../../ui/page";
import { dockerWords } from "../nodes/node";

type Theme = "system" | "light" | "dark";

/** The same key and attribute as src/theme.ts reads before the first paint. */
function chooseTheme(theme: Theme): void {
  if (theme === "system") {
    localStorage.removeItem("theme");
    delete document.documentElement.dataset["theme"];
    return;
  }
  localStorage.setItem("theme", theme);
  document.documentElement.dataset["theme"] = theme;
}

export function Settings() {
  const status = useStatus();
  return (
    <Page>
      <Head title="Settings" />
      <Grid>
        <Stack>
          <Appearance />
          <Answered answer={status}>{(data) => <ThisNode status={data} />}</Answered>
        </Stack>
        <Stack>
          <Answered answer={status}>{({ urls }) => <Addresses urls={urls} />}</Answered>
          <More />
        </Stack>
      </Grid>
    </Page>
  );
}

function Appearance() {
  const theme = useSignal<Theme>((document.documentElement.dataset["theme"] as Theme | undefined) ?? "system");
  return (
    <Panel title="Appearance">
      <Choice<Theme>
        label="Theme"
        value={theme.value}
        options={[
          { value: "system", text: "As the system" },
          { value: "light", text: "Light" },
          { value: "dark", text: "Dark" },
        ]}
        onChange={(value) => {
          chooseTheme(value);
          theme.value = value;
        }}
      />
    </Panel>
  );
}

function ThisNode({ status }: { status: Status }) {
  const { leader, docker } = status;
  return (
    <Panel title="This node">
      <Facts
        facts={[
          ["Version", status.version],
          ["Cluster", status.cluster],
          ["Node", <a href={pageOf("node", status.node)}>{status.name}</a>],
          ["Modes", status.modes.join(", ")],
          ["Leader", leader ? <a href={pageOf("node", leader.node)}>{leader.name}</a> : "none: no quorum"],
          ["Term", status.term],
          ["Index", status.index],
          ["Started", <Age at={status.started} />],
          docker !== undefined && ["Containers", dockerWords(docker)],
        ]}
      />
    </Panel>
  );
}

function Addresses({ urls }: { urls: Record<string, string> }) {
  return (
    <Panel title="Addresses" bare>
      <ul class="rows">
        {Object.entries(urls).map(([name, url]) => (
          <li key={name}>
            <span class="grow">{name}</span>
            <Copy text={url} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function More() {
  return (
    <Panel title="More">
      <p>
        <a href="/api/openapi.json">The API as OpenAPI</a>
        {" · "}
        <a href="licences.txt">Licences of the libraries in this page</a>
      </p>
    </Panel>
  );
}
