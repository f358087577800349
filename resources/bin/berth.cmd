@echo off
rem Runs the berth command on Node: from a checkout (..\..\out) or from inside a package (..\engine\out, with its own Node).
setlocal
set "cli=%~dp0..\..\out\main\cli.js"
if not exist "%cli%" set "cli=%~dp0..\engine\out\main\cli.js"
if not exist "%cli%" (
  echo berth: this checkout is not built; run: npm run setup 1>&2
  exit /b 1
)
set "node=node"
if exist "%~dp0node.exe" set "node=%~dp0node.exe"
if defined BERTH_NODE set "node=%BERTH_NODE%"
"%node%" "%cli%" %*
exit /b %errorlevel%
