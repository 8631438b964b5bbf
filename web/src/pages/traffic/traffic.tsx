import { params } from "../../app/router";
import { SearchFilter } from "../../ui/list";
import { Bar, Head, Page } from "../../ui/page";
import { Services } from "./services";

export function Traffic() {
  const q = params.value.get("q") ?? "";
  return (
    <Page>
      <Head title="Traffic" beside={<span class="muted">service ports of the apps</span>} />
      <Bar>
        <SearchFilter label="Search ports and apps" />
      </Bar>
      <Services q={q} />
    </Page>
  );
}
