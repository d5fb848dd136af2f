// The names of types in `system_metadata`, taken apart: `Option<Vec<ChatMessage>>`.

export interface Name {
  text: string;
  head: string;
  parts: Name[];
}

/** The parts of a name; of one that is not understood, the name alone. */
export function parse(source: string): Name {
  const text = source.trim();
  if (text.startsWith('[') && text.endsWith(']')) {
    const inside = text.slice(1, -1);
    const end = inside.lastIndexOf(';');
    return { text, head: '[]', parts: [parse(end < 0 ? inside : inside.slice(0, end))] };
  }
  if (text.startsWith('(') && text.endsWith(')')) return { text, head: '()', parts: split(text.slice(1, -1)).map(parse) };
  const open = text.indexOf('<');
  if (open > 0 && text.endsWith('>')) {
    return { text, head: text.slice(0, open), parts: split(text.slice(open + 1, -1)).map(parse) };
  }
  return { text, head: text, parts: [] };
}

/** The parts between the outermost commas. */
function split(text: string): string[] {
  const parts: string[] = [];
  let [depth, part] = [0, ''];
  for (const char of text) {
    if ('<([{'.includes(char)) depth += 1;
    if ('>)]}'.includes(char)) depth -= 1;
    if (char === ',' && depth === 0) {
      parts.push(part);
      part = '';
    } else part += char;
  }
  return [...parts, part].map((each) => each.trim()).filter((each) => each !== '');
}
