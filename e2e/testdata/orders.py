# A program at the orders of a test: a line of JSON for each on standard input, and on standard output what `obey` returned or raised.
import json, sys


def serve(obey):
    for line in sys.stdin:
        try:
            answer = {'returned': obey(*json.loads(line))}
        except Exception as error:
            status = getattr(error, 'status_code', getattr(error, 'http_status', None))
            answer = {'raised': type(error).__name__, 'status': status, 'said': str(error)}
        sys.stdout.write(json.dumps(answer, default=str) + '\n')
        sys.stdout.flush()
