import type { ImageInfo } from '../../shared/agent-protocol.ts';
export type DigestAlgorithm = 'sha256' | 'sha512';
export interface ExpectedDigest {
    algorithm: DigestAlgorithm;
    /** Lower-case hexadecimal. */
    hex: string;
}
/** os_hash_algo + os_hash_value win over checksum, whose algorithm follows from its length. */
export declare function expectedDigest(image: ImageInfo): ExpectedDigest;
