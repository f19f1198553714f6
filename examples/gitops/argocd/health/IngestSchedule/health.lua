-- A schedule is as well as its last batch: like a CronJob, it is degraded when that has failed.
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "Waiting for the operator"}
end

local holds = {}
for _, condition in ipairs(obj.status.conditions or {}) do
  if condition.status == "True" then
    holds[condition.type] = condition
  end
end

if holds.Stalled ~= nil then
  return {status = "Degraded", message = holds.Stalled.reason .. ": " .. holds.Stalled.message}
elseif holds.Suspended ~= nil then
  return {status = "Suspended", message = holds.Suspended.reason}
end

local last = obj.status.lastBatch
if last == nil then
  return {status = "Healthy", message = "Nothing was due yet"}
end
local status = "Healthy"
if last.state == "Failed" then
  status = "Degraded"
end
return {status = status, message = last.name .. ": " .. last.state}
