/** Parent of a valid path; the root's children have `/`. */
export function parentPath(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash === 0 ? '/' : path.slice(0, slash)
}

/** Last segment of a valid path. */
export function nodeName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/**
 * ZooKeeper's rule (its `PathUtils.validatePath`): absolute, no empty, `.` or `..` segment, no slash at the end except
 * for the root, and none of the characters that its documentation excludes.
 */
export function isValidPath(path: string): boolean {
  if (path === '/') return true
  if (path[0] !== '/' || path.endsWith('/')) return false
  let segmentStart = 1
  for (let i = 1; i <= path.length; i++) {
    if (i === path.length || path[i] === '/') {
      const length = i - segmentStart
      if (length === 0) return false
      if (path[segmentStart] === '.' && (length === 1 || (length === 2 && path[segmentStart + 1] === '.'))) return false
      segmentStart = i + 1
    } else if (isExcluded(path.charCodeAt(i))) {
      return false
    }
  }
  return true
}

function isExcluded(code: number): boolean {
  return code <= 0x1f || (code >= 0x7f && code <= 0x9f) || (code >= 0xd800 && code <= 0xf8ff) || code >= 0xfff0
}
