# fish completion for tt(1); tests/cli/test_docs.py compares the options with `tt --help`.

function __tt_is
    __fish_seen_subcommand_from $argv[1]
end

complete -c tt -n __fish_use_subcommand -f -a compress -d 'make a model smaller'
complete -c tt -n __fish_use_subcommand -f -a decompress -d 'give the model back'
complete -c tt -n __fish_use_subcommand -f -a inspect -d 'show what is in a file'
complete -c tt -n __fish_use_subcommand -f -a verify -d 'measure a compressed model, or check one file'
complete -c tt -n __fish_use_subcommand -f -a config -d 'show or check the configuration'
complete -c tt -n __fish_use_subcommand -f -a help -d 'show help'
complete -c tt -n __fish_use_subcommand -f -a version -d 'show the version'
complete -c tt -n '__tt_is help' -f -a 'compress decompress inspect verify config version'
complete -c tt -n '__tt_is config' -a 'show check'

# common
complete -c tt -s h -l help -d 'show help and exit'
complete -c tt -s V -l version -d 'show the version and exit'
complete -c tt -l config -r -F -d 'read this configuration file as well'
complete -c tt -l no-config -d 'read no configuration file'
complete -c tt -l json -d 'report as JSON on standard output'
complete -c tt -s q -l quiet -d 'no report and no warnings'
complete -c tt -s v -l verbose -d 'say more'
complete -c tt -l progress -x -a 'auto always never' -d 'progress bar'
complete -c tt -s j -l threads -x -d 'worker threads'
complete -c tt -l max-memory -x -d 'largest address space'
complete -c tt -l log-level -x -a 'error warn info debug' -d 'what is logged'
complete -c tt -l log-format -x -a 'text json' -d 'form of a log line'

# compress
complete -c tt -n '__tt_is compress' -s o -l output -r -F -d 'the .tt file to write'
complete -c tt -n '__tt_is compress' -l target-ratio -x -d 'bytes out / bytes in'
complete -c tt -n '__tt_is compress' -l target-bytes -x -d 'largest output'
complete -c tt -n '__tt_is compress' -l max-error -x -d "limit of every layer's relative error"
complete -c tt -n '__tt_is compress' -l min-quality -x -d "limit of every layer's cosine"
complete -c tt -n '__tt_is compress' -l max-kl -x -d 'limit of the mean KL'
complete -c tt -n '__tt_is compress' -l max-drop -x -d 'limit of the loss of accuracy'
complete -c tt -n '__tt_is compress' -l calib -r -F -d 'samples, a quarter is held out'
complete -c tt -n '__tt_is compress' -l eval -r -F -d 'samples for the limits'
complete -c tt -n '__tt_is compress' -l labels -r -F -d 'what is right'
complete -c tt -n '__tt_is compress' -l input -x -d 'how samples become an input'
complete -c tt -n '__tt_is compress' -l mask-input -x -d 'positions that count'
complete -c tt -n '__tt_is compress' -l task -x -a 'auto classification lm regression embedding generic' -d 'what the model is for'
complete -c tt -n '__tt_is compress' -l lossless -d 'keep everything'
complete -c tt -n '__tt_is compress' -l rollback -r -F -d 'also write a lossless .tt'
complete -c tt -n '__tt_is compress' -l preset -x -a 'low balanced high newport' -d 'built-in values'
complete -c tt -n '__tt_is compress' -l method -x -a 'auto svd tt' -d 'encodings to choose from'
complete -c tt -n '__tt_is compress' -l svd -x -a 'full truncated randomized' -d 'how singular values are computed'
complete -c tt -n '__tt_is compress' -l max-rank -x -d 'largest rank'
complete -c tt -n '__tt_is compress' -l epsilon -x -d 'wished relative error'
complete -c tt -n '__tt_is compress' -l tensor -x -d 'fix the encoding of some weights'
complete -c tt -n '__tt_is compress' -l include -x -d 'only change weights that match'
complete -c tt -n '__tt_is compress' -l exclude -x -d 'keep weights that match exact'
complete -c tt -n '__tt_is compress' -l preserve -x -d 'keep weights that match exact, whatever else says'
complete -c tt -n '__tt_is compress' -l min-size -x -d 'keep smaller weights exact'
complete -c tt -n '__tt_is compress' -l dry-run -d 'do everything but write the output'
complete -c tt -n '__tt_is compress' -l plan-out -r -F -d 'write the chosen encodings'
complete -c tt -n '__tt_is compress' -l plan -r -F -d 'use the encodings of a file'
complete -c tt -n '__tt_is compress' -l seed -x -d 'recorded seed'
complete -c tt -n '__tt_is compress' -l allow-symlinks -d 'follow links to external data'
complete -c tt -n '__tt_is compress' -l fail-on-nan -d 'refuse NaN and infinity'
complete -c tt -n '__tt_is compress' -l no-fold -d 'keep BatchNormalization and constant nodes'

# decompress
complete -c tt -n '__tt_is decompress' -s o -l output -r -F -d 'the model to write'
complete -c tt -n '__tt_is decompress' -l form -x -a dense -d 'form of the weights'
complete -c tt -n '__tt_is decompress' -l dtype -x -a 'original f32 f16' -d 'type of the weights of --layers'
complete -c tt -n '__tt_is decompress' -l layers -x -d 'only the weights that match'
complete -c tt -n '__tt_is decompress' -l external-data -d 'weights into a file of their own'
complete -c tt -n '__tt_is decompress' -l overwrite -d 'replace external data files'

# inspect
complete -c tt -n '__tt_is inspect' -l allow-symlinks -d 'follow links to external data'

# verify
complete -c tt -n '__tt_is verify' -l data -r -F -d 'the samples'
complete -c tt -n '__tt_is verify' -l labels -r -F -d 'what is right'
complete -c tt -n '__tt_is verify' -l input -x -d 'how samples become an input'
complete -c tt -n '__tt_is verify' -l mask-input -x -d 'positions that count'
complete -c tt -n '__tt_is verify' -l task -x -a 'auto classification lm regression embedding generic' -d 'what the model is for'
complete -c tt -n '__tt_is verify' -l max-drop -x -d 'limit of the loss of accuracy'
complete -c tt -n '__tt_is verify' -l max-kl -x -d 'limit of the mean KL'
complete -c tt -n '__tt_is verify' -l max-error -x -d 'limit of the relative error'
complete -c tt -n '__tt_is verify' -l max-abs-error -x -d 'limit of the error of a value'
complete -c tt -n '__tt_is verify' -l min-cosine -x -d 'limit of the cosine of a row'
complete -c tt -n '__tt_is verify' -l confidence -x -d 'limits hold for the upper bound'
complete -c tt -n '__tt_is verify' -l eval-cmd -x -d 'command that prints a figure'
complete -c tt -n '__tt_is verify' -l eval-goal -x -a 'max min' -d 'which figure is better'
complete -c tt -n '__tt_is verify' -l max-eval-drop -x -d 'limit of the loss of that figure'
complete -c tt -n '__tt_is verify' -l eval-timeout -x -d 'seconds for the command'
complete -c tt -n '__tt_is verify' -l baseline -r -F -d 'report of an earlier run'
complete -c tt -n '__tt_is verify' -l baseline-tolerance -x -d 'how much worse is allowed'
complete -c tt -n '__tt_is verify' -l junit -r -F -d 'gates as JUnit XML'
complete -c tt -n '__tt_is verify' -l no-latency -d 'measure no time'
complete -c tt -n '__tt_is verify' -l isolate -d 'run the models in child processes'
complete -c tt -n '__tt_is verify' -l seed -x -d 'seed of resampling'
complete -c tt -n '__tt_is verify' -l allow-symlinks -d 'follow links to external data'

# config
complete -c tt -n '__tt_is config' -l origin -d 'where every value came from'
