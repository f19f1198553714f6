-- What is not there yet may come with the same sync; what the spec or a pod's Secret has wrong does not pass by itself.
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "Waiting for the operator"}
end

local arriving = {
  ClaimMissing = true, ConfigMapMissing = true, QueueMissing = true, QueuePriorityClassMissing = true,
  PriorityClassMissing = true, RuntimeClassMissing = true, ServiceAccountMissing = true,
}
for _, condition in ipairs(obj.status.conditions or {}) do
  if condition.type == "Ready" and condition.status == "True" then
    return {status = "Healthy", message = condition.reason}
  elseif condition.type == "Ready" then
    local status = "Degraded"
    if arriving[condition.reason] then
      status = "Progressing"
    end
    return {status = status, message = condition.reason .. ": " .. condition.message}
  end
end
return {status = "Progressing", message = "Waiting for the operator"}
