/** `["a", "b"]` to `{a: 0, b: 1}`: words for people, small numbers for hot code. */
export function numbered<Word extends string>(words: readonly Word[]): Readonly<Record<Word, number>> {
  const numbers = Object.fromEntries(words.map((word, number) => [word, number]));
  if (!isComplete(numbers, words)) throw new Error("Cannot number the words: two are alike");
  return numbers;
}

function isComplete<Word extends string>(
  numbers: Record<string, number>,
  words: readonly Word[],
): numbers is Record<Word, number> {
  return words.every((word, number) => numbers[word] === number);
}
