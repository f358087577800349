/**
 * How well a text answers what a person typed, word by word; undefined when a word is not in it. A whole match beats
 * the start of the text, that beats the start of a word, that beats the middle of one; letters in order come last.
 */
export function score(text: string, query: string): number | undefined {
  const haystack = text.toLowerCase()
  let total = 0
  for (const word of query.toLowerCase().split(/\s+/).filter(Boolean)) {
    const points = scoreWord(haystack, word)
    if (points === undefined) return undefined
    total += points
  }
  return total - haystack.length / 1000
}

function scoreWord(haystack: string, word: string): number | undefined {
  if (haystack === word) return 100
  if (haystack.startsWith(word)) return 80
  const at = haystack.indexOf(word)
  if (at > 0) return /[\w]/.test(haystack[at - 1]!) ? 40 : 60
  let from = 0
  for (const letter of word) {
    from = haystack.indexOf(letter, from) + 1
    if (from === 0) return undefined
  }
  return word.length > 2 ? 10 : undefined
}
