/** Google's way to say more of an error: a google.rpc.Status in a trailer, written by hand (protobuf, wire format). */

function field(number: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([number * 8 + 2]), varint(value.length), value]);
}

function integer(number: number, value: number): Buffer {
  return Buffer.concat([Buffer.from([number * 8]), varint(value)]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push(128 + (rest % 128));
  }
}

/** For the trailer `grpc-status-details-bin`: RESOURCE_EXHAUSTED with a google.rpc.RetryInfo. */
export function quotaDetails(message: string, retryAfterSeconds: number): Buffer {
  const resourceExhausted = 8;
  const retryInfo = field(1, integer(1, Math.floor(retryAfterSeconds)));
  const any = Buffer.concat([
    field(1, Buffer.from("type.googleapis.com/google.rpc.RetryInfo")),
    field(2, retryInfo),
  ]);
  return Buffer.concat([integer(1, resourceExhausted), field(2, Buffer.from(message)), field(3, any)]);
}
