/** Behind the front page of a package: where the pages are that it names. */
const WHERE = '\nThe pages named here with their paths lie in the folder of the installed package.\n'

/**
 * The front page as a registry shows it. There a relative link leads nowhere as long as no repository is named, so each
 * becomes its text with the path behind it: `[Limits](docs/limits.md)` is told as ``Limits (`docs/limits.md`)``.
 */
export function withoutRelativeLinks(markdown: string): string {
  // Code keeps what looks like a link.
  const pieces = markdown.split(/(^```[\s\S]*?^```$|`[^`\n]+`)/m)
  let changed = false
  const plain = pieces.map((piece, i) =>
    i % 2 === 1
      ? piece
      : piece.replace(
          /(!?)\[([^\]]*)\]\((?![a-z][a-z+.-]*:|#)([^)\s]+)\)/g,
          (_, image: string, text: string, to: string) => {
            changed = true
            const [path] = to.split('#')
            if (image !== '') return text
            return text === path ? `\`${path}\`` : `${text} (\`${path}\`)`
          },
        ),
  )
  return changed ? `${plain.join('').trimEnd()}\n${WHERE}` : markdown
}
