export declare const injectFilesStep: import("../command.ts").Step;
