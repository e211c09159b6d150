/** Bytes as text of one line that a terminal only shows: control characters, C1's too, are blanks. `-` for null. */
export function printable(bytes: Buffer | null): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not reach the terminal
  return bytes === null ? '-' : bytes.toString().replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ')
}
