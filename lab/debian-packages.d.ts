export interface LabPackage {
    readonly package: string;
    /** A program on the PATH, or an absolute path. */
    readonly needs: string;
    readonly why: string;
}
export declare const labPackages: readonly LabPackage[];
/** More, for building Debian itself as an image: an ordinary run of the rack does without. */
export declare const debianImagePackages: readonly LabPackage[];
/** Those whose program or file is not there. */
export declare function missingPackages(packages?: readonly LabPackage[]): LabPackage[];
/** Throws with the command that helps when something is missing. */
export declare function requirePackages(packages?: readonly LabPackage[]): void;
/** What to do about a program that is not there. */
export declare function installationHint(program: string): string;
/** PATH for the programs above: ordinary users of Debian lack the folders of sgdisk, mkfs.vfat and ip. */
export declare const programPath: string;
