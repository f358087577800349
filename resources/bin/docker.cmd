@echo off
rem Hands over to the docker command found on PATH, pointed at Berth unless the person chose another engine; where there
rem is none, to berth.
setlocal
if not defined DOCKER_HOST if not defined DOCKER_CONTEXT (
  if defined BERTH_HOST (set "DOCKER_HOST=%BERTH_HOST%") else set "DOCKER_HOST=npipe:////./pipe/berth"
)
for /f "delims=" %%d in ('where docker.exe 2^>nul') do (
  "%%d" %*
  goto :done
)
call "%~dp0berth.cmd" %*
:done
exit /b %errorlevel%
