export declare const cleanUefiNvramStep: import("../command.ts").Step;
