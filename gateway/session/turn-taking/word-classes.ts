/** Classes of English words by what they promise: whether a speaker who stops after one still owes something. */

export type WordClass = (typeof classNames)[number];

const listed = {
  filler: "um uh er erm hmm hm mm ah eh umm uhm",
  article: "the a an every each",
  possessive: "my your our their its his her",
  demonstrative: "this that these those",
  conjunction: "and or but because cause nor plus cos",
  subordinator:
    "if when while although though unless until till since before after whether whenever wherever as than once whereas except like",
  preposition:
    "of at to for with from by about into between through during without against behind near towards onto upon per via within beside beneath among except above below across",
  particle: "in on off up down out over around along back away through under inside outside",
  be: "is are was were am be been being isn't aren't wasn't weren't",
  auxiliary:
    "has have had do does did will would can could should must may might shall hasn't haven't hadn't don't doesn't didn't won't wouldn't can't couldn't shouldn't cannot gonna gotta wanna",
  contracted:
    "it's that's i'm he's she's there's we're you're they're i've we've you've they've i'll we'll you'll he'll she'll they'll it'll i'd we'd you'd he'd she'd they'd what's who's where's how's here's let's someone's everyone's nobody's that'll",
  subject: "i we he she they",
  object: "me him them us it you myself yourself itself himself herself themselves ourselves",
  question: "what who which how why where whose whom",
  degree:
    "very really quite too more most rather pretty almost nearly even just only so less least still already always also actually basically probably maybe perhaps simply",
  quantity: "some any both many much few several half lots enough another other either neither no all",
  negation: "not never",
  wanting:
    "want need wanted needed wants needs like prefer love hoping trying going supposed able got meant mean means owe owes cost costs buy bought sold sell make makes made making give gives gave giving get gets getting put puts putting bring brings bringing brought take takes taking took send sends sending lend lent find finding tell told telling ask keep keeps kept hold fix fill add enter say says said saying let makes rent rents book booked order ordered received receive replace buying using use used having allow allows raise expect expected lose lost catch reach spend spent show show charge charged carry cut set contain cover",
  doing:
    "call called calling come came coming go went work works worked working help wait waiting waited pay paid paying eat ate leave left know knew see saw understand understood remember forgot forget think thought hope hoped guess believe suppose wonder wondering check checked change changed cancel cancelled return returned try tried sign signed read write wrote speak spoke talk talked travel travelled drive drove walk walked hurt hurts stop stopped start started fit fits happen happened happens arrive arrived sleep slept move moved look looking looks listen agree stay live lives sit sat stand stood run ran fly flew die died break broke join finish finished open opened close closed end ended",
  state:
    "ill sick broken gone done ready sure late early wrong dead ok fine closed open full empty cold hot warm expensive cheap free busy available possible urgent swollen stiff dizzy missing locked stuck delayed cancelled worried tired alone angry happy sorry afraid right nice good great lovely",
  attribute:
    "next last first second third fourth fifth same new old big small large little best better cheapest cheaper bigger smaller older newer latest final main only own whole certain different bad long short high low double single extra real exact several red blue green white black brown yellow grey pink",
  closing:
    "please thanks today tomorrow tonight now yesterday again then there here yet ago instead anymore later soon anyway too myself sir bye goodbye everything anything something nothing everybody anyone somebody someone nobody anywhere somewhere though forever online abroad outside upstairs downstairs home alone together",
  answer:
    "yes no yeah yep nope yup sure okay ok right exactly correct absolutely definitely true fine great perfect alright",
  greeting: "hello hi hey morning sorry well oh wait hang listen look",
  unit: "o'clock percent pounds euros dollars pence cents minutes hours days weeks months years times kilos metres miles pm am noon midnight people nights",
  month: "january february march april may june july august september october november december",
  weekday:
    "monday tuesday wednesday thursday friday saturday sunday weekend morning afternoon evening night week month year",
  number:
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million double triple point dot dash underscore",
} as const;

export const classNames = [
  ...(Object.keys(listed) as (keyof typeof listed)[]),
  "letter",
  "digits",
  "gerund",
  "past",
  "adverb",
  "adjective",
  "noun",
  "superlative",
  "plural",
  "other",
  "none",
] as const;

const byWord = new Map<string, WordClass>();
for (const [name, words] of Object.entries(listed)) {
  for (const word of words.split(" ")) if (!byWord.has(word)) byWord.set(word, name as WordClass);
}

/**
 * @param word - lower case, punctuation gone but apostrophes; undefined where there is none
 * @returns its class; words that stand in no list are told by their endings
 */
export function classOf(word: string | undefined): WordClass {
  if (word === undefined) return "none";
  const known = byWord.get(word);
  if (known) return known;
  if (/^[a-z]$/.test(word)) return "letter";
  if (/\d/.test(word)) return "digits";
  if (/ing$/.test(word) && word.length > 4) return "gerund";
  if (/ed$/.test(word) && word.length > 3) return "past";
  if (/ly$/.test(word) && word.length > 3) return "adverb";
  if (/(?:ful|ous|ive|able|ible|ical|ish|less)$/.test(word) && word.length > 4) return "adjective";
  if (/(?:tion|sion|ment|ness|ity|ance|ence|ship|ture|age|ery|ist|ism)$/.test(word)) return "noun";
  if (/est$/.test(word) && word.length > 5) return "superlative";
  if (/[^s]s$/.test(word) && word.length > 3) return "plural";
  return "other";
}
