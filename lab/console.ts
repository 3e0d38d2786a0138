// Follows a machine's serial console, which qemu writes to a file through all its restarts.
import { closeSync, openSync, readSync } from 'node:fs'

const POLL_MS = 50

export interface Console {
  readonly path: string
  /** Calls `onLine` for every whole line, from the start of the file on, at most `pollMs` (50) late; returns how to stop. */
  follow(onLine: (line: string) => void, pollMs?: number): () => void
  /**
   * The next line that matches, among those after the last match of this method.
   * Rejects when `timeoutMs` is over, with the last lines seen.
   */
  waitFor(pattern: RegExp, timeoutMs: number): Promise<string>
}

/** `path` need not exist yet. */
export function followConsole(path: string): Console {
  let seen = 0
  const follow: Console['follow'] = (onLine, pollMs = POLL_MS) => tail(path, onLine, pollMs)
  return {
    path,
    follow,
    waitFor(pattern, timeoutMs) {
      return new Promise((resolve, reject) => {
        const last: string[] = []
        let count = 0
        const stop = follow((line) => {
          count += 1
          if (count <= seen) return
          last.push(line)
          if (last.length > 20) last.shift()
          if (!pattern.test(line)) return
          seen = count
          clearTimeout(timer)
          // Lines of the same read may still come after this one.
          stop()
          resolve(line)
        })
        const timer = setTimeout(() => {
          stop()
          reject(new Error(`no ${pattern} on ${path} within ${timeoutMs} ms; it ends with:\n${last.join('\n')}`))
        }, timeoutMs)
      })
    },
  }
}

function tail(path: string, onLine: (line: string) => void, pollMs: number): () => void {
  const chunk = Buffer.alloc(65_536)
  const decoder = new TextDecoder()
  let file: number | null = null
  let stopped = false
  let pending = ''
  const poll = () => {
    file ??= openIfPresent(path)
    if (file === null) return
    for (let count = readSync(file, chunk); count > 0; count = readSync(file, chunk)) {
      const lines = (pending + decoder.decode(chunk.subarray(0, count), { stream: true })).split('\n')
      pending = lines.pop() ?? ''
      for (const line of lines) {
        onLine(plain(line))
        if (stopped) return
      }
    }
  }
  const timer = setInterval(poll, pollMs).unref() // a follower alone is no reason to go on
  return () => {
    if (stopped) return
    stopped = true
    clearInterval(timer)
    if (file !== null) closeSync(file)
  }
}

function openIfPresent(path: string): number | null {
  try {
    return openSync(path, 'r')
  } catch {
    return null
  }
}

// Firmware paints the screen: escape sequences (ECMA-48 §5.4) and carriage returns are no text.
// eslint-disable-next-line no-control-regex
const plain = (line: string) => line.replace(/\x1b(\[[0-?]*[ -/]*[@-~]|[0-~])/g, '').replaceAll('\r', '')
