/** Lets `most` tasks run at once; one that has to wait is told so by `onWait`. */
export function limiter(most: number) {
  let running = 0
  const waiting: (() => void)[] = []
  return async <T>(onWait: () => void, task: () => Promise<T>): Promise<T> => {
    if (running >= most) {
      onWait()
      await new Promise<void>((resolve) => waiting.push(resolve))
    } else running++
    try {
      return await task()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }
}
