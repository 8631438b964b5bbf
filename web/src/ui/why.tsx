// Why something is not as wanted: what, because, so do. The same words as `mesolith why`.

import "./why.css";
import type { Sentence } from "../api/types";
import { briefly } from "../lib/ids";

export function Why({ sentences }: { sentences: Sentence[] | undefined }) {
  if (!sentences || sentences.length === 0) return null;
  return (
    <section class="why" aria-label="Why">
      {sentences.map((sentence) => (
        <div key={sentence.id + sentence.what}>
          <p class="what">{sentence.what}</p>
          {sentence.because && <p>{briefly(sentence.because)}</p>}
          {sentence.so && <p class="so">{sentence.so}</p>}
        </div>
      ))}
    </section>
  );
}
