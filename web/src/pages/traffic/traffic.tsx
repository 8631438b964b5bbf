import { params, setParams } from "../../app/router";
import { Search } from "../../ui/field";
import { Bar, Head, Page } from "../../ui/page";
import { Services } from "./services";

export function Traffic() {
  const q = params.value.get("q") ?? "";
  return (
    <Page>
      <Head title="Traffic" beside={<span class="muted">service ports of the apps</span>} />
      <Bar>
        <Search label="Search ports and apps" value={q} onInput={(text) => setParams({ q: text })} />
      </Bar>
      <Services q={q} />
    </Page>
  );
}
