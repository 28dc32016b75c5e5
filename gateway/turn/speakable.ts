/** What of a model's text can be spoken: Markdown's marks and pictures go, the words stay. */

const letterOrDigit = /[\p{L}\p{N}]/u;
const needsWork = /[^\p{L}\p{N} ,.!?'’:;-]|\s\s|^[\s-]|\s$|([!?.,])\1{3}/u;

/** True if `text` holds anything to pronounce: a letter or a digit. */
export function isSpeakable(text: string): boolean {
  return letterOrDigit.test(text);
}

/**
 * Plain words for TTS. Pure; a piece that was cut inside a mark loses the half of it that it has.
 *
 * @param text - a piece of a reply, Markdown or plain
 * @returns one line without outer spaces; "" exactly if the text holds no letter and no digit
 */
export function speakable(text: string): string {
  if (!isSpeakable(text)) return "";
  if (!needsWork.test(text)) return text;
  const plain = tidy(
    text
      .replace(/^[ \t]*(?:```|~~~)[^\n]*$/gm, " ")
      .replace(/!\[([^\]\n]*)\]\([^)\n]*\)/g, "$1")
      .replace(/\[([^\]\n]+)\]\([^)\n]*\)/g, "$1")
      .replace(/<\/?[a-z][^<>\n]{0,200}>/gi, " ")
      .replace(/\b(?:https?|ftp):\/\/(?:www\.)?/gi, "")
      .replace(/^[ \t]*#{1,6}[ \t]+/gm, "")
      .replace(/^[ \t]*(?:>[ \t]?)+/gm, "")
      .replace(/^[ \t]*[-*+•‣◦][ \t]+(?:\[[ xX]\][ \t]+)?/gm, "")
      .replace(/^[ \t]*(?:[-*_=][ \t]*){3,}$/gm, " ")
      .replace(/^[ \t]*\|?(?:[ \t]*:?-{2,}:?[ \t]*\|)+[ \t:-]*$/gm, " ")
      .replace(/[ \t]*\|[ \t]*$/gm, " ")
      .replace(/[ \t]*\|[ \t]*/g, ", "),
  );
  return isSpeakable(plain) ? plain : tidy(text.replace(/[^\p{L}\p{N}\p{M}\s]/gu, " "));
}

function tidy(text: string): string {
  return text
    .replace(/\\([\\`*_{}[\]()#+\-.!|>~])/g, "$1")
    .replace(/(?<=\d\s*)\*(?=\s*\d)/g, " times ")
    .replace(/[*`~]+/g, "")
    .replace(/(?<=[\p{L}\p{N}])_+(?=[\p{L}\p{N}])/gu, " ")
    .replace(/_+/g, "")
    .replace(
      /(?:\p{Extended_Pictographic}|\p{Regional_Indicator}|\p{Emoji_Modifier}|\u{FE0F}|\u{200D}|\u{20E3})+/gu,
      " ",
    )
    .replace(/([!?.,…])\1{3,}/g, "$1$1$1")
    .replace(/(?:\s*,){2,}/g, ",")
    .replace(/\s+/g, " ")
    .replace(/ (?=[,.;:!?](?:\s|$))/g, "")
    .replace(/^[\s,;]+|\s+$/g, "");
}
