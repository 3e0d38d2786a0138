// What a decoder throws for bytes that are not what they claim to be; decoders throw nothing else.
export class CodecError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'CodecError'
  }
}
