// How a task ends early: Ctrl-C, SIGTERM, a closed terminal, or the death of the process that started it. Each runs the same clean-up once.

/** One Ctrl-C arrives twice: from the terminal, and passed on by the starting process. */
const SAME_SIGN_MS = 1000

/** Calls `stop` at the first sign of the end, then exits. A second Ctrl-C exits at once. */
export function onShutdown(stop: (reason: string) => Promise<void> | void): void {
  let stoppingSince: number | undefined
  const begin = (reason: string, code: number) => {
    if (stoppingSince !== undefined && performance.now() - stoppingSince > SAME_SIGN_MS) process.exit(code)
    if (stoppingSince !== undefined) return
    stoppingSince = performance.now()
    void (async () => {
      try {
        await stop(reason)
      } catch (error) {
        console.error('not everything could be stopped:', error)
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
