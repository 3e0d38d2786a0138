// Kernel arguments that may stand in an iPXE script. iPXE (src/core/exec.c) splits a line at blanks, honours quotes and
// backslashes, expands ${...}, ends commands at && || ; and starts comments at #. None of those can be escaped for every
// version, so arguments that hold them are refused, as is everything outside printable ASCII (CVE-2026-46447).

/** x86 and arm64 kernels cut a longer command line off without a word (COMMAND_LINE_SIZE 2048). */
const LONGEST_COMMAND_LINE_BYTES = 2047
/** Room for what the script adds: initrd=ramdisk BOOTIF=aa:bb:cc:dd:ee:ff. */
const ADDED_BYTES = 48

const REFUSED: readonly { pattern: RegExp; what: string }[] = [
  { pattern: /[^ -~]/, what: 'a control character, newline or non-ASCII character' },
  { pattern: /["'`]/, what: 'a quote' },
  { pattern: /\\/, what: 'a backslash' },
  { pattern: /\$/, what: 'a dollar sign (iPXE expands settings)' },
  { pattern: /&&|\|\|/, what: 'a command separator' },
  { pattern: /[;#]/, what: 'a semicolon or hash' },
]

/** Throws an Error that says what is refused, and never repeats the arguments: they may hold a token. */
export function checkKernelArguments(argumentsText: string): void {
  for (const { pattern, what } of REFUSED) {
    const at = argumentsText.search(pattern)
    if (at !== -1) throw new Error(`${what} at character ${at + 1}`)
  }
  if (argumentsText.length + ADDED_BYTES > LONGEST_COMMAND_LINE_BYTES) {
    throw new Error(`${argumentsText.length} characters; kernels cut command lines at ${LONGEST_COMMAND_LINE_BYTES}`)
  }
}
