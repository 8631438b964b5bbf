// The test button: a notice is sent now, and what the server says of it appears below.

import { useSignal } from "@preact/signals";
import { testNotice, useNotice } from "../../api/queries";
import type { Channel, NoticeWay } from "../../api/types";
import { Result, useAction } from "../../ui/action";
import { Button, Buttons } from "../../ui/button";
import { Choice, TextField } from "../../ui/field";
import { Answered, Empty, Note, Panel } from "../../ui/page";

export function Test({ channels }: { channels: Channel[] }) {
  const action = useAction();
  const chosen = useSignal("");
  const to = useSignal("");
  const sent = useSignal<number | undefined>(undefined);
  if (channels.length === 0)
    return (
      <Panel title="Try it">
        <Empty>No channel is configured: the masters are started with mail-server, slack-url and their kin.</Empty>
      </Panel>
    );
  const channel = chosen.value || channels[0]!.channel;
  const send = () => {
    sent.value = undefined;
    action.run({
      pending: "Asking for a test …",
      work: async () => (sent.value = (await testNotice({ channel, to: to.value })).notice),
      done: "A test is being sent.",
    });
  };
  return (
    <Panel title="Try it">
      <Choice
        label="Channel"
        value={channel}
        options={channels.map((one) => ({ value: one.channel, text: one.channel }))}
        onChange={(value) => (chosen.value = value)}
      />
      <TextField label="Address" value={to.value} onInput={(value) => (to.value = value)} placeholder="ann@example.com" />
      <Buttons>
        <Button kind="primary" onClick={send}>
          Send a test
        </Button>
      </Buttons>
      {sent.value === undefined ? <Result action={action} /> : <Outcome key={sent.value} id={sent.value} />}
    </Panel>
  );
}

const LOOKS = { pending: "busy", sent: "good", failed: "bad", nobody: "warn" } as const;

function words({ channel, state, error }: NoticeWay): string {
  if (state === "pending") return `${channel}: it is being sent …`;
  return state === "sent" ? `${channel}: it was taken.` : `${channel}: ${error}`;
}

function Outcome({ id }: { id: number }) {
  return (
    <div role="status">
      <Answered answer={useNotice(id)}>
        {({ ways }) => ways.map((way) => <Note kind={LOOKS[way.state]}>{words(way)}</Note>)}
      </Answered>
    </div>
  );
}
