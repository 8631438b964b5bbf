import { now } from "../../api/live";
import { saveJob } from "../../api/queries";
import { pageOf } from "../../app/path";
import { go } from "../../app/router";
import { DocumentEditor } from "../../ui/document";
import { Head, Page, Panel } from "../../ui/page";
import { Explained } from "./explained";
import { JOB_FIELDS, newJob } from "./fields";

export function NewJob() {
  return (
    <Page>
      <Head title="New job" crumbs={<a href="jobs">Jobs</a>} />
      <Panel>
        <DocumentEditor
          label="New job"
          fields={[{ path: "/name", label: "Name" }, ...JOB_FIELDS]}
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
