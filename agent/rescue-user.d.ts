export declare const RESCUE_USER = "rescue";
/** The whole of /etc/passwd and /etc/shadow below `root`: nobody else can log in. */
export declare function writeRescueUser(root: string, passwordHash: string): Promise<void>;
