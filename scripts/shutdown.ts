// How a task ends early: Ctrl-C, SIGTERM, a closed terminal, or the death of the process that started it. Each runs the same clean-up once.

/** Calls `stop` at the first sign of the end, then exits with `code`. A second Ctrl-C exits at once. */
export function onShutdown(stop: (reason: string) => Promise<void> | void): void {
  let stopping = false
  const begin = (reason: string, code: number) => {
    if (stopping) process.exit(code)
    stopping = true
    void (async () => {
      try {
        await stop(reason)
      } finally {
        process.exit(code)
      }
    })()
  }
  process.on('SIGINT', () => begin('interrupted', 130))
  process.on('SIGTERM', () => begin('terminated', 143))
  process.on('SIGHUP', () => begin('hung up', 129))
  if (process.connected) {
    process.on('disconnect', () => begin('the starting process died', 1))
    process.channel?.unref()
  }
}
