# encoding: utf-8
#
# Script of Logstash's ruby filter: an event that Elasticsearch refused -> its quarantine document.
#
# The reason is `unknown_model` where the index of its model does not exist and may not be created, else `rejected`.

def register(params)
  require ::File.join(params.fetch("home"), "filters", "driftlog.rb")
  @rules = Driftlog::Rules.new(params)
end

def filter(event)
  why = event.get("[@metadata][dead_letter_queue][reason]").to_s
  fields = event.to_hash
  fields.delete("@version")
  fields["@timestamp"] = fields["@timestamp"].to_s
  source = fields.dig("driftlog", "source").to_s
  raw = LogStash::Json.dump(fields)
  missing = why.match?(/index_not_found_exception|security_exception|no such index|is unauthorized/)
  reason = missing && fields.key?("model") ? "unknown_model" : "rejected"
  refused = Driftlog::Refused.new(reason, why, missing ? "model.name" : nil)
  [Driftlog.event_of(Driftlog.quarantine(refused, raw, @rules, Time.now.utc, source.empty? ? "http" : source, "dead letter", "1"))]
end
