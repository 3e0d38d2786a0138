/** UEFI 2.10 §5.3.3, table 5.7. */
export declare const EFI_SYSTEM = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
/** Where GRUB keeps its core for a BIOS. */
export declare const BIOS_BOOT = "21686148-6449-6E6F-744E-656564454649";
export declare const LINUX_RAID = "A19D880F-05FC-4D3B-A006-743F0F84911E";
