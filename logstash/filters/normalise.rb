# encoding: utf-8
#
# Script of Logstash's ruby filter: one event with the text that arrived in `message` -> one event for each document.
#
# [@metadata][driftlog_source] is http, tcp, file or beats. Everything that the input added of its own is left behind.

def register(params)
  require ::File.join(params.fetch("home"), "filters", "driftlog.rb")
  @rules = Driftlog::Rules.new(params)
end

def filter(event)
  source = event.get("[@metadata][driftlog_source]") || "http"
  now = Time.now.utc
  lines, batch = lines_of(event, source)
  lines.map { |raw, position| store(raw, position, batch, source, now) }
end

def lines_of(event, source)
  case source
  when "http"
    body = event.get("message").to_s
    headers = event.get("[@metadata][headers]") || {}
    name, row = headers["x_driftlog_origin"].to_s.match(/\A([A-Za-z0-9_.-]{1,128}):([0-9]{1,15})\z/)&.captures
    ndjson = headers["content_type"].to_s.include?("ndjson")
    [Driftlog.split_body(body, ndjson, (row || 1).to_i), name || Digest::SHA256.hexdigest(body)]
  when "beats"
    [[[beats_line(event), "1"]], SecureRandom.uuid]
  else
    line = bytes_of(event.get("message").to_s)
    line = Driftlog.from_log_line(line).to_s if source == "file" && line.valid_encoding?
    path = event.get("[log][file][path]") || event.get("path")
    [Driftlog.split_line(line.strip, "1"), source == "file" ? path.to_s : SecureRandom.uuid]
  end
end

# The bytes that arrived: tcp and file inputs read them as Latin-1, which loses none.
def bytes_of(text)
  text.encode(Encoding::ISO_8859_1).force_encoding(Encoding::UTF_8)
rescue EncodingError
  text
end

# A shipper's event over Beats has its fields at the top; Filebeat has the line of a file in `message`.
def beats_line(event)
  message = event.get("message")
  return message.strip if message.is_a?(String) && message.lstrip.start_with?("{")

  fields = event.to_hash
  fields["@timestamp"] = fields["@timestamp"].to_s
  %w[@version tags agent ecs input log].each { |name| fields.delete(name) }
  fields["host"] = fields["host"]["name"] if fields["host"].is_a?(Hash) && fields["host"].key?("name")
  LogStash::Json.dump(fields)
end

def store(raw, position, batch, source, now)
  Driftlog.event_of(Driftlog.normalise(raw, @rules, now, source))
rescue Driftlog::Refused => e
  Driftlog.event_of(Driftlog.quarantine(e, raw, @rules, now, source, batch, position))
rescue StandardError => e
  unforeseen = Driftlog::Refused.new("rejected", "the filter failed on this event: #{e.class}: #{e.message[0, 300]}")
  Driftlog.event_of(Driftlog.quarantine(unforeseen, raw, @rules, now, source, batch, position))
end
