-- As much of S3 as Zarr libraries ask for, over the files below a directory. A bucket is a directory at its top.
-- nginx itself answers requests for values. Nothing here yields between a check and the change that depends on it.

local ffi = require "ffi"
ffi.cdef [[
typedef struct DIR DIR;
struct dirent { uint64_t d_ino; int64_t d_off; unsigned short d_reclen; unsigned char d_type; char d_name[256]; };
DIR *opendir(const char *);
struct dirent *readdir(DIR *);
int closedir(DIR *);
int getppid(void);
int kill(int, int);
int mkdir(const char *, int);
int rename(const char *, const char *);
int rmdir(const char *);
int unlink(const char *);
]]

local C, DIRECTORY = ffi.C, 4
local settings, counts, versions = ngx.shared.settings, ngx.shared.counts, ngx.shared.versions
local M = {}

-- ---- Files ----

local function read_file(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local data = file:read("*a")
  file:close()
  return data
end

local function file_size(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local size = file:seek("end")
  file:close()
  return size
end

local function make_parents(path)
  local slash = path:find("/", 2, true)
  while slash do
    C.mkdir(path:sub(1, slash - 1), 511)
    slash = path:find("/", slash + 1, true)
  end
end

local function write_file(path, data)
  local part = path .. ".part"
  local file = io.open(part, "wb")
  if not file then
    make_parents(path)
    file = assert(io.open(part, "wb"))
  end
  file:write(data)
  file:close()
  C.rename(part, path)
end

-- Directories that become empty go too, because their names may be keys later.
local function remove_file(uri)
  local path, bucket = ngx.var.top .. uri, ngx.var.top .. uri:match("^/[^/]+")
  C.unlink(path)
  versions:delete(uri)
  repeat
    path = path:match("^(.+)/[^/]*$")
  until not path or #path <= #bucket or C.rmdir(path) ~= 0
end

local function entries(path)
  local found, directory = {}, C.opendir(path)
  if directory == nil then return found end
  local entry = C.readdir(directory)
  while entry ~= nil do
    local name = ffi.string(entry.d_name)
    if name ~= "." and name ~= ".." then found[name] = entry.d_type == DIRECTORY end
    entry = C.readdir(directory)
  end
  C.closedir(directory)
  return found
end

-- ---- Answers ----

local function etag(uri) return '"' .. (versions:get(uri) or "0") .. '"' end

-- Whether the version of a value is the one of a condition. Some clients leave out the quotes.
local function is_version(uri, given) return given == "*" or given:gsub('"', "") == etag(uri):gsub('"', "") end

local function escaped(text) return (text:gsub("&", "&amp;"):gsub("<", "&lt;"):gsub('"', "&quot;")) end

local function unescaped(text)
  return (text:gsub("&lt;", "<"):gsub("&gt;", ">"):gsub("&quot;", '"'):gsub("&apos;", "'"):gsub("&amp;", "&"))
end

function M.tag()
  if ngx.status < 300 then ngx.header["ETag"] = etag(ngx.var.uri) end
end

function M.refuse(status, code)
  ngx.status = status
  ngx.header["Content-Type"] = "application/xml"
  ngx.print("<Error><Code>", code, "</Code><Message>", code, "</Message></Error>")
end

-- End the server soon after the process that has started it, also if that was killed.
function M.end_with(parent)
  ngx.timer.every(1, function()
    if C.kill(parent, 0) ~= 0 then C.kill(C.getppid(), 15) end
  end)
end

-- ---- What is set, and what is counted ----

function M.control()
  local given = ngx.req.get_uri_args()
  for _, name in ipairs { "latency", "bandwidth", "faults", "status" } do
    if given[name] then settings:set(name, tonumber(given[name])) end
  end
  local told = {}
  for _, name in ipairs(counts:get_keys(0)) do told[#told + 1] = ('"%s": %d'):format(name, counts:get(name)) end
  counts:flush_all()
  ngx.say("{", table.concat(told, ", "), "}")
end

function M.count()
  local kind = ngx.var.kind ~= "" and ngx.var.kind or ngx.req.get_method()
  counts:incr(ngx.status == 404 and kind .. " 404" or kind, 1, 0)
  counts:incr("bytes", tonumber(ngx.var.bytes_sent) or 0, 0)
  if ngx.var.connection_requests == "1" then counts:incr("connections", 1, 0) end
end

-- ---- Requests ----

local function misbehaves()
  local faults = settings:get("faults") or 0
  if faults == 0 or math.random() >= faults then return false end
  ngx.var.kind = "FAULT"
  return true
end

local function fail()
  local status = settings:get("status") or 503
  if status == 444 then return ngx.exit(444) end -- nginx closes the connection without an answer
  M.refuse(status, "SlowDown")
  return ngx.exit(ngx.status)
end

-- What a condition makes of a request for a value that is there; nil if it is to be answered.
local function refusal(uri)
  local match, none_match = ngx.var.http_if_match, ngx.var.http_if_none_match
  if not (match or none_match) or not file_size(ngx.var.top .. uri) then return nil end
  if none_match and is_version(uri, none_match) then return 304 end
  if match and not is_version(uri, match) then return 412 end
end

function M.begin()
  local latency, bandwidth = settings:get("latency") or 0, settings:get("bandwidth") or 0
  if latency > 0 then ngx.sleep(latency / 1e3) end
  if bandwidth > 0 then ngx.var.limit_rate = bandwidth * 1e6 end
  if misbehaves() then return fail() end
  local method, uri = ngx.req.get_method(), ngx.var.uri
  if method ~= "GET" and method ~= "HEAD" then
    ngx.var.kind = method
    ngx.var.if_match, ngx.var.if_none_match = ngx.var.http_if_match or "", ngx.var.http_if_none_match or ""
    ngx.req.clear_header("If-Match")
    ngx.req.clear_header("If-None-Match")
    return ngx.exec("@change")
  end
  if (ngx.var.args or ""):find("list-type", 1, true) then
    ngx.var.kind = "LIST"
    return ngx.exec("@list")
  end
  ngx.var.kind = ngx.var.http_range and "RANGE" or method
  local status = refusal(uri)
  if status then return ngx.exit(status) end
  ngx.req.clear_header("If-Match") -- nginx knows no version to compare it with
end

-- Put the keys that begin with a prefix into `keys`; with a delimiter, what they have up to the next slash.
local function collect(top, base, prefix, delimited, keys)
  for name, is_directory in pairs(entries(top .. base)) do
    local key = base .. name .. (is_directory and "/" or "")
    local shared = math.min(#key, #prefix)
    if key:sub(1, shared) == prefix:sub(1, shared) then
      if is_directory and (not delimited or #key <= #prefix) then collect(top, key, prefix, delimited, keys)
      elseif #key >= #prefix then keys[#keys + 1] = key end
    end
  end
end

local function text(value) return type(value) == "string" and value or "" end

function M.list()
  local given, bucket = ngx.req.get_uri_args(), ngx.var.uri:match("^/([^/]+)")
  local prefix, top, keys = text(given.prefix), ngx.var.top .. "/" .. bucket .. "/", {}
  collect(top, prefix:match("^(.*/)") or "", prefix, text(given.delimiter) ~= "", keys)
  table.sort(keys)
  local by_url = given["encoding-type"] == "url"
  local function shown(key) return by_url and ngx.escape_uri(key):gsub("%%2F", "/") or escaped(key) end
  local after = text(given["continuation-token"] or given["start-after"])
  local most, count, last, more, told = tonumber(given["max-keys"]) or 1000, 0, "", false, {}
  for _, key in ipairs(keys) do
    if key > after then
      if count == most then more = true; break end
      count, last = count + 1, key
      if key:sub(-1) == "/" then
        told[#told + 1] = "<CommonPrefixes><Prefix>" .. shown(key) .. "</Prefix></CommonPrefixes>"
      else
        told[#told + 1] = ("<Contents><Key>%s</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>%s</ETag>" ..
          "<Size>%d</Size><StorageClass>STANDARD</StorageClass></Contents>"):format(
          shown(key), escaped(etag("/" .. bucket .. "/" .. key)), file_size(top .. key) or 0)
      end
    end
  end
  ngx.header["Content-Type"] = "application/xml"
  ngx.print('<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>', bucket, "</Name>",
    "<Prefix>", (shown(prefix)), "</Prefix>", by_url and "<EncodingType>url</EncodingType>" or "",
    "<KeyCount>", count, "</KeyCount><MaxKeys>", most, "</MaxKeys><IsTruncated>", tostring(more), "</IsTruncated>",
    more and "<NextContinuationToken>" .. escaped(last) .. "</NextContinuationToken>" or "", told, "</ListBucketResult>")
end

local function body()
  ngx.req.read_body()
  local file = ngx.req.get_body_file()
  return ngx.req.get_body_data() or file and read_file(file) or ""
end

-- Store a value if the conditions hold; return whether they did.
local function publish(uri, data)
  local path, match = ngx.var.top .. uri, ngx.var.if_match
  local is_there = file_size(path) ~= nil
  if ngx.var.if_none_match == "*" and is_there then return M.refuse(412, "PreconditionFailed") end
  if match ~= "" and not is_there then return M.refuse(404, "NoSuchKey") end
  if match ~= "" and not is_version(uri, match) then return M.refuse(412, "PreconditionFailed") end
  write_file(path, data)
  versions:set(uri, ("%x"):format(settings:incr("version", 1, 0)))
  ngx.header["ETag"] = etag(uri)
  return true
end

local function complete(uri, parts)
  local values, names = {}, {}
  for number in body():gmatch("<PartNumber>(%d+)</PartNumber>") do
    names[#names + 1] = parts .. number
    values[#values + 1] = read_file(parts .. number)
  end
  if not publish(uri, table.concat(values)) then return end
  for _, name in ipairs(names) do C.unlink(name) end
  ngx.print("<CompleteMultipartUploadResult><ETag>", escaped(etag(uri)), "</ETag></CompleteMultipartUploadResult>")
end

local function copy(uri, from)
  from = ngx.unescape_uri(from):gsub("^/?", "/")
  local data, match = read_file(ngx.var.top .. from), ngx.var.http_x_amz_copy_source_if_match
  if not data then return M.refuse(404, "NoSuchKey") end
  if match and not is_version(from, match) then return M.refuse(412, "PreconditionFailed") end
  if not publish(uri, data) then return end
  ngx.print("<CopyObjectResult><ETag>", escaped(etag(uri)),
    "</ETag><LastModified>2026-01-01T00:00:00.000Z</LastModified></CopyObjectResult>")
end

local function delete_all(uri)
  local bucket = uri:match("^/[^/]+") .. "/"
  local told = {}
  for key in body():gmatch("<Key>(.-)</Key>") do
    remove_file(bucket .. unescaped(key))
    told[#told + 1] = "<Deleted><Key>" .. key .. "</Key></Deleted>"
  end
  ngx.print("<DeleteResult>", told, "</DeleteResult>")
end

function M.change()
  local method, uri, given = ngx.req.get_method(), ngx.var.uri, ngx.req.get_uri_args()
  local parts = ngx.var.top .. "/.parts/" .. tostring(given.uploadId) .. "/"
  if method == "PUT" and given.uploadId then
    local data = body()
    write_file(parts .. given.partNumber, data)
    ngx.header["ETag"] = ('"%s"'):format(given.partNumber)
  elseif method == "PUT" and ngx.var.http_x_amz_copy_source then
    copy(uri, ngx.var.http_x_amz_copy_source)
  elseif method == "PUT" then
    local data = body() -- reading it yields, so it comes before the check of conditions
    publish(uri, data)
  elseif method == "DELETE" then
    if not given.uploadId then remove_file(uri) end
    ngx.status = 204
  elseif method == "POST" and given.uploads then
    ngx.print("<InitiateMultipartUploadResult><UploadId>u", settings:incr("version", 1, 0),
      "</UploadId></InitiateMultipartUploadResult>")
  elseif method == "POST" and given.uploadId then
    complete(uri, parts)
  elseif method == "POST" and given.delete then
    delete_all(uri)
  else
    M.refuse(405, "MethodNotAllowed")
  end
end

return M
