import { createApp } from "../../api/queries";
import { pageOf } from "../../app/path";
import { go } from "../../app/router";
import { DocumentEditor } from "../../ui/document";
import { Head, Page, Panel } from "../../ui/page";
import { NEW_APP, appFields } from "./fields";

export function NewApp() {
  return (
    <Page>
      <Head title="New app" crumbs={<a href="apps">Apps</a>} />
      <Panel>
        <DocumentEditor
          label="New app"
          fields={(app) => [{ path: "/id", label: "Id", hint: "groups and name, as /shop/web" }, ...appFields(app)]}
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
