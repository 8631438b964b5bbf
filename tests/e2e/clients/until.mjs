// Waits for a condition, and gives what it gave.
const PATIENCE_MS = 60000;

export async function until(what, so) {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end;) {
    const is = await so();
    if (is) return is;
    await new Promise((later) => setTimeout(later, 50));
  }
  throw new Error(`waited too long: ${what}`);
}
