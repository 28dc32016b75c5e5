/** What the machine voices say in the mixes. Different from the sentences whose words are counted. */

/** One each for flite's voices, then for espeak's: with pauses inside, as people make them. */
export const clipTexts: readonly string[] = [
  "Good evening. I am calling because the parcel that you promised for last week is still not here, and nobody could tell me why.",
  "We will arrive a little later than planned, perhaps at seven. Please keep the table for us, if that is possible.",
  "First take the second street on the left, then follow the river until you see an old stone bridge.",
  "My account shows a payment that I never made. Could you look at it, please, and tell me what it was for?",
  "The museum opens at nine in the morning. On Mondays it is closed, except in the summer months.",
  "I have thought about it for a while, and I believe that the blue one suits us better than the other.",
];

/** Said all at once by people in the background. */
export const babbleTexts: readonly string[] = [
  "So she told him that the whole thing had been moved to another day, which of course nobody had written down, and then they all went home again.",
  "You take a cup of flour, two eggs and some butter, and stir it slowly until it is smooth. After that it has to rest for about half an hour.",
  "The train was late once more, so we stood there for an hour in the rain, and the coffee machine did not work either. What can you do about it?",
  "He plays the violin rather well, but what he likes most is to repair old clocks. The whole house ticks, you would not believe it.",
];
