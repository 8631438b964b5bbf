import { createApp } from "../../api/queries";
import { pageOf } from "../../app/path";
import { go } from "../../app/router";
import { DocumentEditor } from "../../ui/document";
import { Head, Page, Panel } from "../../ui/page";
import { APP_FIELDS, NEW_APP } from "./fields";

export function NewApp() {
  return (
    <Page>
      <Head title="New app" crumbs={<a href="apps">Apps</a>} />
      <Panel>
        <DocumentEditor
          label="New app"
          fields={[{ path: "/id", label: "Id", hint: "groups and name, as /shop/web" }, ...APP_FIELDS]}
          before={undefined}
          start={NEW_APP}
          verb="Create and deploy"
          save={createApp}
          saved={(doc) => go(pageOf("app", String(doc["id"]))!)}
        />
      </Panel>
    </Page>
  );
}
