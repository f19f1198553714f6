-- A voice is well when it can be looked for: every recording is heard or refused, and at least one is used.
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "Waiting for the operator"}
end

local ready, stalled, reconciling = {}, {}, {}
for _, condition in ipairs(obj.status.conditions or {}) do
  if condition.type == "Ready" then
    ready = condition
  elseif condition.type == "Stalled" then
    stalled = condition
  elseif condition.type == "Reconciling" then
    reconciling = condition
  end
end

local message = (ready.reason or "") .. ": " .. (ready.message or "")
if ready.status == "True" then
  return {status = "Healthy", message = message}
elseif stalled.status == "True" and reconciling.status ~= "True" then
  return {status = "Degraded", message = message}
end
return {status = "Progressing", message = message}
