import type { ImageInfo } from '../../shared/agent-protocol.ts';
import type { BlockTarget } from './block-target.ts';
import type { ExpectedDigest } from './digest.ts';
import type { DownloadOptions } from './download.ts';
export interface WriteImageOptions {
    image: ImageInfo;
    target: BlockTarget;
    /** config.permitted_image_formats; undefined permits all that we write. */
    permittedFormats?: string[] | undefined;
    caPem?: string | undefined;
    memAvailableBytes: number;
    signal: AbortSignal;
    random(): number;
    log(message: string): void;
    progress(step: string, bytes: number, total?: number): void;
    /** Overrides for tests and for the operator's kernel parameters. */
    download?: Partial<Pick<DownloadOptions, 'connectTimeoutMs' | 'stallWindowMs' | 'minWindowBytes' | 'tries' | 'retryDelayMs'>>;
}
export interface WrittenImage {
    /** Bytes fetched, and bytes of disk that the image now covers. */
    fetchedBytes: number;
    imageBytes: number;
    digest: ExpectedDigest;
}
/** Writes the image and makes the disk bootable. Faults: see fault.ts; after each of them the start of the disk is blank. */
export declare function writeImage(options: WriteImageOptions): Promise<WrittenImage>;
