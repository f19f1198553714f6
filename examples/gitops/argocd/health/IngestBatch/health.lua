-- A batch is healthy as soon as it is planned and nothing is wrong: it runs for hours, and a sync must not wait for its end.
local health = {status = "Progressing", message = "Waiting for the operator"}
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end

local holds = {}
for _, condition in ipairs(obj.status.conditions or {}) do
  if condition.status == "True" then
    holds[condition.type] = condition
  end
end

local function say(status, condition)
  local message = condition.reason
  if condition.message ~= nil and condition.message ~= "" then
    message = message .. ": " .. condition.message
  end
  return {status = status, message = message}
end

if holds.Failed ~= nil then
  return say("Degraded", holds.Failed)
elseif holds.Complete ~= nil then
  return say("Healthy", holds.Complete)
elseif holds.Suspended ~= nil then
  return say("Suspended", holds.Suspended)
elseif holds.Reconciling ~= nil then
  return say("Progressing", holds.Stalled or holds.Reconciling)
elseif holds.Stalled ~= nil then
  return say("Degraded", holds.Stalled)
end
health.status = "Healthy"
health.message = obj.status.state .. ": " .. (obj.status.progressPercent or 0) .. " %"
return health
