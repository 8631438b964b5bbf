// What became of a notice, by each of its ways.

import type { Notice, NoticeWay } from "../../api/types";

const saying = ({ channel, state, error }: NoticeWay) => (error ? `${channel}: ${error}` : `${channel} ${state}`);

export function Ways({ notice }: { notice: Notice }) {
  const said = notice.ways.map(saying).join(", ");
  return <span title={said}>{said}</span>;
}
