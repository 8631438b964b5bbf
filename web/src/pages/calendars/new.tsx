import { saveCalendar } from "../../api/queries";
import { pageOf } from "../../app/path";
import { go } from "../../app/router";
import { DocumentEditor } from "../../ui/document";
import { Head, Page, Panel } from "../../ui/page";
import { CALENDAR_FIELDS, daysOf, InWords } from "./days";

export function NewCalendar() {
  return (
    <Page>
      <Head title="New calendar" crumbs={<a href="calendars">Calendars</a>} />
      <Panel>
        <DocumentEditor
          label="New calendar"
          fields={[{ path: "/name", label: "Name" }, ...CALENDAR_FIELDS]}
          before={undefined}
          start={{ name: "holidays", days: ["12-24/12-26", "SAT-SUN"] }}
          below={(doc) => <InWords days={daysOf(doc)} />}
          verb="Create"
          save={(doc) => saveCalendar(String(doc["name"] ?? ""), doc)}
          saved={(doc) => go(pageOf("calendar", String(doc["name"]))!)}
        />
      </Panel>
    </Page>
  );
}
