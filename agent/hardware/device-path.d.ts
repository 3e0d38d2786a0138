/** Nodes with slashes in between; one of a kind that is not known is Path(type,subtype,data). CodecError for what is no device path. */
export declare function devicePathText(bytes: Buffer): string;
