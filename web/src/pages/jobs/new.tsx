import { now } from "../../api/live";
import { saveJob } from "../../api/queries";
import { pageOf } from "../../app/path";
import { go } from "../../app/router";
import { DocumentEditor } from "../../ui/document";
import { Head, Page, Panel } from "../../ui/page";
import { Explained } from "./explained";
import { jobFields, newJob } from "./fields";

export function NewJob() {
  return (
    <Page>
      <Head title="New job" crumbs={<a href="jobs">Jobs</a>} />
      <Panel>
        <DocumentEditor
          label="New job"
          fields={(doc) => [{ path: "/name", label: "Name" }, ...jobFields(doc)]}
          before={undefined}
          start={newJob(now.peek())}
          below={(doc) => <Explained doc={doc} />}
          verb="Create"
          save={(doc) => saveJob(String(doc["name"] ?? ""), doc)}
          saved={(doc) => go(pageOf("job", String(doc["name"]))!)}
        />
      </Panel>
    </Page>
  );
}
