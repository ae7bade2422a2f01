-- Exact figures in one line, for a program to read: wrk's own summary is rounded.
function done(summary)
  local e = summary.errors
  print(string.format(
    'report {"requests":%d,"bytes":%d,"microseconds":%d,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}',
    summary.requests, summary.bytes, summary.duration, e.connect, e.read, e.write, e.status, e.timeout))
end
